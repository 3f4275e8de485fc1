// SPDX-License-Identifier: Apache-2.0
#include "cli/trust.h"

int trust_check(bool disabled, Error *err) {
    return disabled ? 0
                    : error_set(err, ERROR_UNSUPPORTED,
                          "--disable-content-trust=false: signatures of images cannot be verified");
}
