// SPDX-License-Identifier: Apache-2.0
#pragma once

/* An Error's reason travels as a detail of google.rpc.Status: an Any of this type whose value is
 * the reason's text. Go's clients print "proto: not found" for a type that they do not know, so a
 * server can be told to leave it out. */
#define TTRPC_REASON_TYPE "tare.error.Reason"
