// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/document.h"
#include "cli/moment.h"
#include "cli/template/template.h"
#include "proto/tare/v1/system.pb-c.h"

typedef struct EventsOptions {
    OptionTexts filters;
    const char *format, *since, *until;
} EventsOptions;

typedef Tare__V1__EventMessage Message;
typedef Tare__V1__EventMessage__AttributesEntry Attribute;

/* RFC 3339 with nine places in the local time zone. */
static void print_time(int64_t when) {
    time_t seconds = (time_t)(when / TIME_SECOND);
    struct tm tm = {};
    char date[32], zone[8];
    localtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    strftime(zone, sizeof zone, "%z", &tm);
    printf("%s.%09lld", date, (long long)(when % TIME_SECOND));
    if (tm.tm_gmtoff)
        printf("%.3s:%s", zone, zone + 3);
    else
        putchar('Z');
}

static int compare_attributes(const void *a, const void *b) {
    return strcmp((*(Attribute *const *)a)->key, (*(Attribute *const *)b)->key);
}

static void print_line(const Message *event) {
    print_time(event->time);
    printf(" %s %s %s", event->type, event->action, event->id);
    for (size_t i = 0; i < event->n_attributes; i++)
        printf("%s%s=%s", i ? ", " : " (", event->attributes[i]->key, event->attributes[i]->value);
    printf("%s\n", event->n_attributes ? ")" : "");
}

static void append_text(Text *json, const char *name, const char *value) {
    text_append(json, json->length > 1 ? "," : "");
    json_append_string(json, name, strlen(name));
    text_append_char(json, ':');
    json_append_string(json, value, strlen(value));
}

static const char *attribute(const Message *event, const char *name) {
    for (size_t i = 0; i < event->n_attributes; i++)
        if (text_equal(event->attributes[i]->key, name))
            return event->attributes[i]->value;
    return NULL;
}

static void append_actor(Text *json, const Message *event) {
    autodone(Text) attributes = {};
    text_append_char(&attributes, '{');
    for (size_t i = 0; i < event->n_attributes; i++)
        append_text(&attributes, event->attributes[i]->key, event->attributes[i]->value);
    text_append(json, ",\"Actor\":{\"ID\":");
    json_append_string(json, event->id, strlen(event->id));
    text_append_format(json, ",\"Attributes\":%s}}", attributes.data);
}

/* `go`: the names of Go's struct, which templates use; else those of Docker's JSON. */
static char *event_json(const Message *event, bool go) {
    bool container = text_equal(event->type, "container");
    const char *from = container ? attribute(event, "image") : NULL;
    Text json = {};
    text_append_char(&json, '{');
    if (container || text_equal(event->type, "image")) {
        append_text(&json, go ? "Status" : "status", event->action);
        append_text(&json, go ? "ID" : "id", event->id);
    }
    if (from || go)
        append_text(&json, go ? "From" : "from", from ? from : "");
    append_text(&json, "Type", event->type);
    append_text(&json, "Action", event->action);
    append_actor(&json, event);
    append_text(&json, go ? "Scope" : "scope", "local");
    text_append_format(&json, ",\"%s\":%lld,\"%s\":%lld}", go ? "Time" : "time",
        (long long)(event->time / TIME_SECOND), go ? "TimeNano" : "timeNano",
        (long long)event->time);
    return text_take(&json);
}

static int print_by_template(const Template *template, const Message *event, Error *err) {
    autodone(Text) text = {};
    autofree char *json = event_json(event, true);
    const TemplateInput input = {.dot = document_of(json), .type = "events.Message"};
    if (template_execute(template, &input, &text, err) < 0)
        return error_prefix(err, "template parsing error");
    printf("%s\n", text.data ? text.data : "");
    return 0;
}

static int print_event(
    const EventsOptions *options, const Template *template, Message *event, Error *err) {
    if (event->n_attributes)
        qsort(
            event->attributes, event->n_attributes, sizeof *event->attributes, compare_attributes);
    if (text_is_empty(options->format)) {
        print_line(event);
    } else if (template) {
        TRY(print_by_template(template, event, err));
    } else {
        autofree char *json = event_json(event, false);
        printf("%s\n", json);
    }
    fflush(stdout);
    return 0;
}

static int listen_all(Cli *cli, const EventsOptions *options, Error *err) {
    autoptr(Template) template = NULL;
    Client *client = NULL;
    Tare__V1__EventsRequest request = TARE__V1__EVENTS_REQUEST__INIT;
    bool json = text_equal(options->format, "json") || text_equal(options->format, "{{json .}}");
    if (!text_is_empty(options->format) && !json &&
        template_parse(options->format, &template, err) < 0)
        return error_prefix(err, "template parsing error");
    if (options->since)
        TRY(moment_parse(options->since, "since", time_now(), &request.since, err));
    if (options->until)
        TRY(moment_parse(options->until, "until", time_now(), &request.until, err));
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__system__descriptor, "Events");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    for (;;) {
        autoreply Message *event = NULL;
        int more = client_receive(stream, &event, err);
        if (more <= 0)
            return more;
        TRY(print_event(options, template, event, err));
    }
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    Error err = {};
    return listen_all(cli, values, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T EventsOptions
static const Option options[] = {
    {'f', "filter", OPTION_FILTERS, offsetof(T, filters), "filter",
        "Filter output based on conditions provided"},
    {0, "format", OPTION_TEXT, offsetof(T, format), "string",
        "Format output using a Go template, or as JSON with 'json'"},
    {0, "since", OPTION_TEXT, offsetof(T, since), "string",
        "Show all events created since timestamp"},
    {0, "until", OPTION_TEXT, offsetof(T, until), "string", "Stream events until this timestamp"},
    {},
};
#undef T

const Command command_events = {
    .arguments = "[OPTIONS]",
    .summary = "Get real time events from the server",
    .more = "The engine remembers the latest 256 events for --since. Times are points in time or "
            "durations before now.\n\n"
            "Filters: container=NAME|ID, event=ACTION, image=NAME, label=NAME[=VALUE], "
            "network=NAME|ID, type=container|image|network.\n\n"
            "Fields of templates: .Action, .Actor.Attributes, .Actor.ID, .From, .ID, .Scope, "
            ".Status, .Time, .TimeNano, .Type.",
    .options = options,
    .options_size = sizeof(EventsOptions),
    .run = run,
};
