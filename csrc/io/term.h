/*
 * What the command asks of the system about its terminal and its files. Nothing here waits.
 */
#ifndef GP_IO_TERM_H
#define GP_IO_TERM_H

/* 1 when the descriptor is a terminal. */
int gp_term_is_terminal(int fd);

/* Columns and rows of the terminal behind `fd`: 0, or -1 when it has no size. */
int gp_term_size(int fd, int *columns, int *rows);

/* What gp_file_private answers. */
enum gp_privacy {
    GP_FILE_PRIVATE,    /* a regular file of ours that only its owner may read or write */
    GP_FILE_OPEN,       /* group or others may read or write it */
    GP_FILE_FOREIGN,    /* it belongs to another user */
    GP_FILE_IRREGULAR,  /* no regular file */
    GP_FILE_UNREADABLE, /* can not be looked at; errno says why */
};

/* Whether the file at `path` is fit to hold secrets. */
enum gp_privacy gp_file_private(const char *path);

#endif
