/* SPDX-License-Identifier: Apache-2.0 */
/* copies.h -- for reports that compare recordings: a database finds itself attached as `base` and `action`. */
#ifndef MEMREC_TESTS_COPIES_H
#define MEMREC_TESTS_COPIES_H

#include "check.h"
#include "db.h"

#include <sqlite3.h>

static inline void attach_copies(struct db *db)
{
    static const char *const names[] = {"base", "action"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sqlite3_int64 bytes = 0;
        unsigned char *image = sqlite3_serialize(db_connection(db), "main", &bytes, 0);

        CHECK_EQ(db_run_formatted(db, "ATTACH ':memory:' AS %s", names[i]).code, STATUS_OK);
        CHECK(image);
        CHECK_EQ(sqlite3_deserialize(db_connection(db), names[i], image, bytes, bytes,
                                     SQLITE_DESERIALIZE_FREEONCLOSE),
                 SQLITE_OK);
    }
}

#endif
