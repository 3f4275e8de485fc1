// SPDX-License-Identifier: Apache-2.0
#include "engine/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/text.h"

int notify_service_manager(const char *state, Error *err) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (text_is_empty(path))
        return 0;
    size_t n = strlen(path);
    if (n >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return error_set(err, ERROR_INVALID, "NOTIFY_SOCKET: '%s' is not a socket's name", path);
    memcpy(address.sun_path, path, n);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace, unix(7) */
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
        return error_set_errno(err, errno, "cannot notify the service manager at '%s'", path);
    return 0;
}
