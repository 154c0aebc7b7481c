/* SPDX-License-Identifier: Apache-2.0 */
/* watch_web.h -- the page of `html`, served to this machine alone, with data that are replaced while one looks.
 *
 * Listens on 127.0.0.1 and answers nobody who does not know the token in the address. Needs libmicrohttpd; without it
 * web_open fails with a sentence. The caller's thread sets data; the server's threads only read.  */
#ifndef MEMANALYZE_WATCH_WEB_H
#define MEMANALYZE_WATCH_WEB_H

#include "status.h"

#include <stddef.h>
#include <stdint.h>

struct web;

/* port 0: any that is free. */
STATUS_MUST_USE status web_open(uint16_t port, struct web **out);
void web_close(struct web *web); /* NULL: nothing */

/* "http://127.0.0.1:PORT/?token=..." */
const char *web_address(const struct web *web);

/* What everybody who looks gets from now on: the page, and its data alone. Takes both, made by malloc. */
void web_set(struct web *web, char *page, size_t page_bytes, char *data, size_t data_bytes);

#endif
