/* SPDX-License-Identifier: Apache-2.0 */
/* control.c -- the public functions: each a few lines over session.h. */
#include "session.h"

#include <errno.h>
#define MEMREC_NO_SHORTCUTS
#include <memrec/memrec.h>

#define API __attribute__((visibility("default")))

API const char *memrec_version(void) { return MEMREC_VERSION; }

API int memrec_is_recording(void) { return mr_state() == MR_STATE_ON; }

API void memrec_flush(void)
{
    int kept_errno = errno;
    mr_session_flush();
    errno = kept_errno;
}

API void memrec_stop(void)
{
    int kept_errno = errno;
    mr_session_stop(MR_END_STOP);
    errno = kept_errno;
}
