/*
 * Queries about the terminal and about files, for the command line. Nothing here blocks.
 */
#ifndef GP_IO_TERM_H
#define GP_IO_TERM_H

/* 1 when the descriptor is a terminal. */
int gp_term_is_terminal(int fd);

/* Columns and rows of the terminal behind `fd`: 0, or -1 when it has no size. */
int gp_term_size(int fd, int *columns, int *rows);

/* Results of gp_file_private. */
enum gp_privacy {
    GP_FILE_PRIVATE,    /* a regular file of this user that only the owner may read or write */
    GP_FILE_OPEN,       /* group or others may read or write it */
    GP_FILE_FOREIGN,    /* it belongs to another user */
    GP_FILE_IRREGULAR,  /* not a regular file */
    GP_FILE_UNREADABLE, /* cannot be examined; errno says why */
};

/* Whether the file at `path` is private enough to hold secrets. */
enum gp_privacy gp_file_private(const char *path);

#endif
