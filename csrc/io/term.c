#include "io/term.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int gp_term_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

int gp_term_size(int fd, int *columns, int *rows)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return -1;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}

enum gp_privacy gp_file_private(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) return GP_FILE_UNREADABLE;
    if (!S_ISREG(info.st_mode)) return GP_FILE_IRREGULAR;
    if (info.st_uid != geteuid()) return GP_FILE_FOREIGN;
    return info.st_mode & (S_IRWXG | S_IRWXO) ? GP_FILE_OPEN : GP_FILE_PRIVATE;
}
