/*
 * The whole database as bytes, and back: what snapshots are made of.
 */
#ifndef GP_MOCK_ROWS_COPY_H
#define GP_MOCK_ROWS_COPY_H

#include "mock/rows/state.h"

/* NULL when memory ran out. Free the result with sqlite3_free. */
unsigned char *gp_store_serialize(gp_mock *m, size_t *len);

/* Replaces the contents of the database; the rows in memory must then be read again. Bytes that are
 * not a database of ours are refused: 0 with a message, and nothing has changed. */
int gp_store_deserialize(gp_mock *m, const unsigned char *data, size_t len, char *err,
                         size_t err_size);

#endif
