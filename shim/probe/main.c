// SPDX-License-Identifier: Apache-2.0
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

/* tare-probe NETNS URL MILLISECONDS: one health probe from inside a container's network, without a
 * helper in its image. Answers are foreign bytes: from the namespace on we are nobody, may do
 * nothing, and read little. Prints a line about what was found; exit code 0 is healthy. */
enum {
    NOBODY = 65534,
    ANSWER_MAX = 4096
};

typedef struct Answer {
    char bytes[ANSWER_MAX];
    size_t n;
    char grpc_status[16]; /* a header or trailer */
} Answer;

typedef struct Probe {
    const char *scheme;
    int (*prepare)(CURL *curl, const char *rest, struct curl_slist **headers);
    bool (*judge)(CURL *curl, const Answer *answer);
} Probe;

static int enter(const char *path, Error *err) {
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &fd, err));
    if (setns(fd, CLONE_NEWNET) < 0)
        return error_set_errno(err, errno, "cannot enter the container's network");
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot give up privileges");
    return 0;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *owner) {
    Answer *answer = owner;
    size_t room = sizeof answer->bytes - answer->n, taken = n < room ? n : room;
    memcpy(answer->bytes + answer->n, bytes, taken);
    answer->n += taken;
    return taken; /* less than n: enough was read */
}

static size_t take_header(char *bytes, size_t size, size_t n, void *owner) {
    static const char name[] = "grpc-status:";
    Answer *answer = owner;
    if (n > strlen(name) && strncasecmp(bytes, name, strlen(name)) == 0)
        snprintf(answer->grpc_status, sizeof answer->grpc_status, "%.*s", (int)(n - strlen(name)),
            bytes + strlen(name));
    return n;
}

static int prepare_http(CURL *curl, const char *rest, struct curl_slist **headers) {
    return 0;
}

static bool judge_http(CURL *curl, const Answer *answer) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    printf("HTTP %ld\n%.*s", status, (int)answer->n, answer->bytes);
    return status >= 200 && status < 400;
}

static void set_url(CURL *curl, const char *format, const char *rest, size_t n) {
    autofree char *authority = text_copy_n(rest, n);
    autofree char *url = text_format("http://%s%s", authority, format);
    curl_easy_setopt(curl, CURLOPT_URL, url);
}

static int prepare_tcp(CURL *curl, const char *rest, struct curl_slist **headers) {
    set_url(curl, "/", rest, strcspn(rest, "/"));
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    return 0;
}

static bool judge_tcp(CURL *curl, const Answer *answer) {
    puts("connected");
    return true;
}

/* grpc.health.v1.HealthCheckRequest { string service = 1 } behind gRPC's five bytes of prefix. */
static int prepare_grpc(CURL *curl, const char *rest, struct curl_slist **headers) {
    static char message[5 + 2 + 127];
    size_t n = strcspn(rest, "/");
    const char *service = rest[n] ? rest + n + 1 : "";
    size_t length = strlen(service);
    if (length > 127)
        return -1;
    size_t payload = length ? length + 2 : 0;
    message[4] = (char)payload;
    message[5] = 0x0a;
    message[6] = (char)length;
    memcpy(message + 7, service, length);
    set_url(curl, "/grpc.health.v1.Health/Check", rest, n);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)(5 + payload));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, message);
    *headers = curl_slist_append(*headers, "Content-Type: application/grpc");
    *headers = curl_slist_append(*headers, "TE: trailers");
    return 0;
}

/* HealthCheckResponse { ServingStatus status = 1 }; SERVING is 1. */
static bool judge_grpc(CURL *curl, const Answer *answer) {
    static const char serving[] = {0, 0, 0, 0, 2, 8, 1};
    long status = strtol(answer->grpc_status, NULL, 10);
    bool good = answer->n == sizeof serving && memcmp(answer->bytes, serving, answer->n) == 0;
    if (!*answer->grpc_status)
        puts("grpc-status is missing");
    else if (status != 0)
        printf("grpc-status %ld\n", status);
    else
        puts(good ? "SERVING" : "not SERVING");
    return good && *answer->grpc_status && status == 0;
}

static const Probe probes[] = {
    {"http://", prepare_http, judge_http},
    {"https://", prepare_http, judge_http},
    {"tcp://", prepare_tcp, judge_tcp},
    {"grpc://", prepare_grpc, judge_grpc},
};

static const Probe *find(const char *url) {
    for (size_t i = 0; i < array_size(probes); i++)
        if (text_starts(url, probes[i].scheme))
            return &probes[i];
    return NULL;
}

static void set_up(CURL *curl, const char *url, long milliseconds, Answer *answer) {
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    /* as Kubernetes: a probe asks whether somebody answers, not who */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
}

static int probe(const char *url, long milliseconds) {
    static Answer answer;
    const Probe *kind = find(url);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = NULL;
    if (!kind || !curl || milliseconds <= 0) {
        fprintf(stderr, "tare-probe: '%s' cannot be probed\n", url);
        return 2;
    }
    set_up(curl, url, milliseconds, &answer);
    bool good = kind->prepare(curl, url + strlen(kind->scheme), &headers) == 0;
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = good ? curl_easy_perform(curl) : CURLE_URL_MALFORMAT;
    bool enough = code == CURLE_WRITE_ERROR && answer.n == sizeof answer.bytes;
    if (code != CURLE_OK && !enough)
        printf("%s: %s\n", url, curl_easy_strerror(code));
    good = (code == CURLE_OK || enough) && kind->judge(curl, &answer);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return good ? 0 : 1;
}

int main(int argc, char **argv) {
    Error err = {};
    if (argc != 4) {
        fprintf(stderr, "usage: tare-probe NETNS URL MILLISECONDS\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (enter(argv[1], &err) < 0) {
        fprintf(stderr, "tare-probe: %s\n", err.message);
        return 2;
    }
    return probe(argv[2], strtol(argv[3], NULL, 10));
}
