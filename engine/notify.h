// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET, if there is one. */
int notify_service_manager(const char *state, Error *err);
