/* SPDX-License-Identifier: Apache-2.0 */
/* table.h -- the table among render.c's formats: what stands where, and how wide.
 *
 *   rank  verdict  function    live_bytes             leaked_share     columns of layout.table
 *      1  leak     parse_line  23.8 MiB (21.5-26.2)   95.0 %           an estimate and its interval
 *         onset 0.1 s . samples 400                                    the other columns
 *         Most of the blocks born since ... outlived ...               PROSE
 *         parse_line < serve < main                                    STACK
 *
 * Too narrow? Notes go first, then text is cut, intervals go from the right, bars, columns.      */
#ifndef MEMANALYZE_TABLE_H
#define MEMANALYZE_TABLE_H

#include "render.h"

struct table;

STATUS_MUST_USE status table_open(const struct render_options *options,
                                  const struct render_layout *layout,
                                  const struct render_column *columns, size_t column_count,
                                  struct table **out);
STATUS_MUST_USE status table_row(struct table *table, const struct cell *cells);
void table_finish(struct table *table);
void table_close(struct table *table); /* NULL: nothing */

#endif
