// SPDX-License-Identifier: Apache-2.0
#include <grpc/status.h>

#include "engine/rpc/private.h"

/* The promise of base/error.h, kept by the compiler. */
_Static_assert(-ERROR_CANCELLED == GRPC_STATUS_CANCELLED, "");
_Static_assert(-ERROR_UNKNOWN == GRPC_STATUS_UNKNOWN, "");
_Static_assert(-ERROR_INVALID == GRPC_STATUS_INVALID_ARGUMENT, "");
_Static_assert(-ERROR_TIMEOUT == GRPC_STATUS_DEADLINE_EXCEEDED, "");
_Static_assert(-ERROR_NOT_FOUND == GRPC_STATUS_NOT_FOUND, "");
_Static_assert(-ERROR_EXISTS == GRPC_STATUS_ALREADY_EXISTS, "");
_Static_assert(-ERROR_DENIED == GRPC_STATUS_PERMISSION_DENIED, "");
_Static_assert(-ERROR_EXHAUSTED == GRPC_STATUS_RESOURCE_EXHAUSTED, "");
_Static_assert(-ERROR_STATE == GRPC_STATUS_FAILED_PRECONDITION, "");
_Static_assert(-ERROR_ABORTED == GRPC_STATUS_ABORTED, "");
_Static_assert(-ERROR_RANGE == GRPC_STATUS_OUT_OF_RANGE, "");
_Static_assert(-ERROR_UNSUPPORTED == GRPC_STATUS_UNIMPLEMENTED, "");
_Static_assert(-ERROR_INTERNAL == GRPC_STATUS_INTERNAL, "");
_Static_assert(-ERROR_UNAVAILABLE == GRPC_STATUS_UNAVAILABLE, "");
_Static_assert(-ERROR_CORRUPT == GRPC_STATUS_DATA_LOSS, "");
_Static_assert(-ERROR_UNAUTHENTICATED == GRPC_STATUS_UNAUTHENTICATED, "");

grpc_status_code rpc_status_code(int error_code) {
    if (error_code > 0 || error_code < ERROR_UNAUTHENTICATED)
        return GRPC_STATUS_UNKNOWN;
    return (grpc_status_code)-error_code;
}
