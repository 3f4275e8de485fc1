// SPDX-License-Identifier: Apache-2.0
#pragma once

/* An Error's reason travels as a detail of google.rpc.Status: an Any of this type whose value is
 * the reason's text. Peers that do not know it ignore it. */
#define TTRPC_REASON_TYPE "tare.error.Reason"
