// SPDX-License-Identifier: Apache-2.0
#include "cli/credential_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/time.h"
#include "cli/config.h"
#include "cli/document.h"

enum {
    ANSWER_MAX = 65536
};
#define HELPER_PATIENCE (120 * TIME_SECOND) /* it may ask the user */
#define HUB_KEY "https://index.docker.io/v1/"

char *credential_store_registry(const char *server) {
    if (text_starts(server, "https://"))
        server += strlen("https://");
    else if (text_starts(server, "http://"))
        server += strlen("http://");
    autofree char *host = text_copy_n(server, strcspn(server, "/"));
    static const char *const hub[] = {"", "docker.io", "index.docker.io", "registry-1.docker.io"};
    for (size_t i = 0; i < array_size(hub); i++)
        if (text_equal(host, hub[i]))
            return text_copy("docker.io");
    return take_ptr(&host);
}

char *credential_store_key(const char *registry) {
    return text_copy(text_equal(registry, "docker.io") ? HUB_KEY : registry);
}

/* The file, checked; "{}" when there is none. */
static int read_file(Text *ret, Error *err) {
    autodone(JsonTexts) keys = {};
    TRY(config_read(ret, err));
    if (!ret->length)
        text_append(ret, "{}");
    if (json_keys(ret->data, ret->length, &keys, err) < 0) {
        autofree char *path = config_path();
        return error_prefix(err, "%s", path ? path : "config.json");
    }
    return 0;
}

static char *member_text(Document object, const char *name) {
    Document value = document_member(object, name);
    autofree char *text = document_kind(value) == DOCUMENT_TEXT ? document_to_text(value) : NULL;
    return text_is_empty(text) ? NULL : take_ptr(&text);
}

char *credential_store_helper(const char *registry) {
    autodone(Text) text = {};
    Error ignored;
    if (read_file(&text, &ignored) < 0)
        return NULL;
    autofree char *key = credential_store_key(registry);
    Document file = document_of(text.data);
    char *own = member_text(document_member(file, "credHelpers"), key);
    return own ? own : member_text(file, "credsStore");
}

static int find_program(const char *helper, char **ret, Error *err) {
    autofree char *name = text_format("docker-credential-%s", helper);
    autotexts char **directories = texts_split(getenv("PATH") ? getenv("PATH") : "", ':');
    if (strchr(helper, '/'))
        return error_set(err, ERROR_INVALID, "'%s' is not the name of a credential helper", helper);
    for (size_t i = 0; directories[i]; i++) {
        autofree char *path = path_join(directories[i], name);
        if (*directories[i] == '/' && access(path, X_OK) == 0) {
            *ret = take_ptr(&path);
            return 0;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, "credential helper %s: no such program in $PATH", name);
}

/* The protocol: an action, a document or a name on standard input, an answer or the reason on
 * standard output. */
static int run_helper(
    const char *helper, const char *action, const char *input, Text *ret, Error *err) {
    autofree char *program = NULL;
    int status = 0;
    TRY(find_program(helper, &program, err));
    autoclose int fd = memfd_create("credentials", MFD_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot talk to %s", program);
    TRY(fd_write_all(fd, input, strlen(input), err));
    lseek(fd, 0, SEEK_SET);
    const char *const argv[] = {program, action, NULL};
    const ProcessSpawn spawn = {.argv = argv, .fds = {fd, -1, STDERR_FILENO}};
    TRY(process_run(&spawn, ANSWER_MAX, HELPER_PATIENCE, ret, &status, err));
    if (process_exit_code(status) == 0)
        return 0;
    const char *why = ret->data ? ret->data : "";
    bool unknown = strstr(why, "credentials not found") != NULL;
    return error_set(err, unknown ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE, "%s: %.*s", program,
        (int)strcspn(why, "\r\n"), why);
}

int credential_store_ask(const char *helper, const char *registry, Credentials *ret, Error *err) {
    autodone(Text) answer = {};
    autodone(JsonTexts) keys = {};
    autofree char *key = credential_store_key(registry);
    TRY(run_helper(helper, "get", key, &answer, err));
    if (!answer.length || json_keys(answer.data, answer.length, &keys, err) < 0)
        return error_set(err, ERROR_INVALID, "credential helper %s gives no JSON", helper);
    Document document = document_of(answer.data);
    autofree char *username = member_text(document, "Username");
    char *secret = member_text(document, "Secret");
    explicit_bzero(answer.data, answer.length);
    if (text_equal(username, "<token>")) {
        ret->identity_token = secret;
        return 0;
    }
    ret->username = take_ptr(&username);
    ret->password = secret;
    return 0;
}

static void append_text(Text *json, const char *text) {
    json_append_string(json, text, strlen(text));
}

static int save_by_helper(
    const char *helper, const char *key, const Credentials *credentials, Error *err) {
    autodone(Text) json = {}, answer = {};
    bool token = credentials->identity_token != NULL;
    text_append(&json, "{\"ServerURL\":");
    append_text(&json, key);
    text_append(&json, ",\"Username\":");
    append_text(&json, token ? "<token>" : credentials->username);
    text_append(&json, ",\"Secret\":");
    append_text(&json, token ? credentials->identity_token : credentials->password);
    text_append_char(&json, '}');
    return run_helper(helper, "store", json.data, &answer, err);
}

/* {"auth":"base64 of user:password"} */
static void append_auth(Text *json, const Credentials *credentials) {
    const char *user = credentials->username ? credentials->username : "";
    const char *password = credentials->password ? credentials->password : "";
    autofree char *pair = text_format("%s:%s", user, password);
    size_t n = strlen(pair);
    autofree char *encoded = new_array(char, n / 3 * 4 + 8);
    base64_encode(encoded, pair, n);
    explicit_bzero(pair, n);
    text_append(json, "{\"auth\":");
    append_text(json, encoded);
    if (credentials->identity_token) {
        text_append(json, ",\"identitytoken\":");
        append_text(json, credentials->identity_token);
    }
    text_append_char(json, '}');
}

/* All members of `object` but `name`, without the braces. True: it was there. */
static bool append_others(Text *json, Document object, const char *name) {
    size_t position = 0;
    Document member = {}, value = {};
    bool found = false;
    while (position < object.n && document_next(object, &position, &member, &value)) {
        autofree char *text = document_to_text(member);
        if (text_equal(text, name)) {
            found = true;
            continue;
        }
        text_append(json, json->length && json->data[json->length - 1] != '{' ? "," : "");
        text_append_format(json, "%.*s:%.*s", (int)member.n, member.text, (int)value.n, value.text);
    }
    return found;
}

/* Everything else of the file stays; a link to it, too. credentials NULL: the entry goes. */
static char *change(Document file, const char *key, const Credentials *credentials, bool *known) {
    autodone(Text) json = {}, indented = {};
    text_append_char(&json, '{');
    append_others(&json, file, "auths");
    text_append(&json, json.length > 1 ? ",\"auths\":{" : "\"auths\":{");
    *known = append_others(&json, document_member(file, "auths"), key);
    if (credentials) {
        text_append(&json, json.data[json.length - 1] == '{' ? "" : ",");
        append_text(&json, key);
        text_append_char(&json, ':');
        append_auth(&json, credentials);
    }
    text_append(&json, "}}");
    document_indent(document_of(json.data), 0, &indented);
    explicit_bzero(json.data, json.length);
    text_append_char(&indented, '\n');
    return text_take(&indented);
}

static int write_file(const char *path, const char *text, Error *err) {
    autofree char *real = realpath(path, NULL);
    const char *target = real ? real : path;
    autofree char *directory = text_copy_n(target, (size_t)(strrchr(target, '/') - target));
    TRY(file_make_dirs(directory, 0700, err));
    return file_write(AT_FDCWD, target, text, strlen(text), 0600, true, err);
}

static int change_file(const char *key, const Credentials *credentials, Error *err) {
    bool known = false;
    autodone(Text) text = {};
    autofree char *path = config_path();
    if (!path)
        return error_set(err, ERROR_INVALID,
            "neither $DOCKER_CONFIG nor $HOME says where logins "
            "are kept");
    TRY(read_file(&text, err));
    autofree char *changed = change(document_of(text.data), key, credentials, &known);
    int code = credentials || known ? write_file(path, changed, err) : 0;
    explicit_bzero(changed, strlen(changed));
    TRY(code);
    if (credentials)
        fprintf(stderr,
            "\nWARNING! Your credentials are stored unencrypted in '%s'.\n"
            "Configure a credential helper to remove this warning. See\n"
            "https://docs.docker.com/go/credential-store/\n\n",
            path);
    return 0;
}

static bool is_stored(const char *registry, const Credentials *credentials) {
    autodone(Credentials) old = {};
    Error ignored;
    return credentials_find(registry, &old, &ignored) == 0 &&
           text_equal(old.username, credentials->username) &&
           text_equal(old.password, credentials->password) &&
           text_equal(old.identity_token, credentials->identity_token);
}

int credential_store_save(const char *registry, const Credentials *credentials, Error *err) {
    autofree char *helper = credential_store_helper(registry);
    autofree char *key = credential_store_key(registry);
    if (!helper && is_stored(registry, credentials))
        return 0;
    return helper ? save_by_helper(helper, key, credentials, err)
                  : change_file(key, credentials, err);
}

int credential_store_erase(const char *registry, Error *err) {
    autofree char *helper = credential_store_helper(registry);
    autofree char *key = credential_store_key(registry);
    autodone(Text) answer = {};
    if (!helper)
        return change_file(key, NULL, err);
    int code = run_helper(helper, "erase", key, &answer, err);
    return code == ERROR_NOT_FOUND ? 0 : code;
}
