// SPDX-License-Identifier: MIT
#define _GNU_SOURCE

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ROOM 65536u

static bool read_all(struct report *report, const struct place *at, const char *path, FILE *stream,
                     size_t most, uint8_t **bytes, size_t *len)
{
    size_t room = 0;
    size_t used = 0;
    uint8_t *buffer = NULL;

    while (!feof(stream)) {
        if (used == room) {
            room = room == 0 ? FIRST_ROOM : room * 2;
            uint8_t *larger = realloc(buffer, room);
            if (larger == NULL) {
                free(buffer);
                return report_io(report, at, "no memory for %s", path);
            }
            buffer = larger;
        }
        used += fread(buffer + used, 1, room - used, stream);
        if (ferror(stream)) {
            free(buffer);
            return report_io(report, at, "cannot read %s: %s", path, strerror(errno));
        }
        if (used > most) {
            free(buffer);
            return report_invalid(report, at, "%s has more than %zu bytes", path, most);
        }
    }
    *bytes = buffer;
    *len = used;
    return true;
}

bool file_read(struct report *report, const struct place *at, const char *path, size_t most,
               uint8_t **bytes, size_t *len)
{
    FILE *stream = fopen(path, "rb");

    if (stream == NULL) {
        return report_io(report, at, "cannot read %s: %s", path, strerror(errno));
    }
    bool ok = read_all(report, at, path, stream, most, bytes, len);
    fclose(stream);
    return ok;
}

/* Consumes the descriptor. False, with errno: not all of it is written. */
static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len != 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR) {
            int why = errno;
            close(fd);
            errno = why;
            return false;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return close(fd) == 0;
}

/* The permissions that a file made by open() would have. */
static mode_t usual_mode(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

bool file_replace(struct report *report, const char *path, const uint8_t *bytes, size_t len)
{
    struct stat old;
    char *fresh;

    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
        return report_io(report, NULL, "cannot write %s: it is not a regular file", path);
    }
    if (asprintf(&fresh, "%s.XXXXXX", path) < 0) {
        return report_io(report, NULL, "no memory to write %s", path);
    }
    int fd = mkstemp(fresh);
    if (fd < 0) {
        report_io(report, NULL, "cannot write %s: %s", path, strerror(errno));
        free(fresh);
        return false;
    }
    bool ok = fchmod(fd, usual_mode()) == 0;
    ok = write_all(fd, bytes, len) && ok && rename(fresh, path) == 0;
    if (!ok) {
        report_io(report, NULL, "cannot write %s: %s", path, strerror(errno));
        unlink(fresh);
    }
    free(fresh);
    return ok;
}
