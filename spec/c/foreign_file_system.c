/* For LD_PRELOAD: every file lies on the file system whose number in hexadecimal is FILE_SYSTEM. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

int fstatfs(int fd, struct statfs *out)
{
    void *symbol = dlsym(RTLD_NEXT, "fstatfs");
    const char *type = getenv("FILE_SYSTEM");
    int (*real)(int, struct statfs *);
    int result;
    memcpy(&real, &symbol, sizeof real);
    result = real(fd, out);
    /* As the kernel gives it to a process of 32 bits: with the sign of its highest bit. */
    if (result == 0 && type) out->f_type = (int)strtoul(type, NULL, 16);
    return result;
}
