// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/option.h"
#include "base/text.h"
#include "engine/config.h"
#include "engine/engine.h"
#include "version.h"

enum {
    END_SECONDS = 8
};

typedef struct Arguments {
    const char *root, *state, *config, *log_level, *log_format, *storage_driver;
    OptionTexts hosts;
    bool debug, version, help;
} Arguments;

#define AT(member) offsetof(Arguments, member)
static const Option options[] = {
    {0, "config", OPTION_TEXT, AT(config), "file",
        "Configuration file (default \"/etc/tare/engine.json\")"},
    {'D', "debug", OPTION_FLAG, AT(debug), NULL, "Enable debug mode"},
    {0, "help", OPTION_FLAG, AT(help), NULL, "Print usage"},
    {'H', "host", OPTION_TEXTS, AT(hosts), "list",
        "Socket to listen on (default \"unix://STATE/tared.sock\")"},
    {0, "log-format", OPTION_TEXT, AT(log_format), "string", "Format of log lines: text or json"},
    {'l', "log-level", OPTION_TEXT, AT(log_level), "string",
        "Lowest level that is logged: debug, info, warn, error (default \"info\")"},
    {0, "root", OPTION_TEXT, AT(root), "directory", "Durable state (default \"/var/lib/tare\")"},
    {0, "state", OPTION_TEXT, AT(state), "directory", "Volatile state (default \"/run/tare\")"},
    {0, "storage-driver", OPTION_TEXT, AT(storage_driver), "string",
        "Storage of images and containers: overlay, native, btrfs, erofs (default \"overlay\")"},
    {'v', "version", OPTION_FLAG, AT(version), NULL, "Print version information and quit"},
    {},
};
#undef AT

static void print_help(void) {
    puts(
        "Usage:  tared [OPTIONS]\n\nThe engine of tare: images, networks and records of containers.\n\nOptions:");
    option_print_help(options, stdout);
}

/* Before any thread exists: threads inherit the mask, so the signals are only ever taken here. */
static void signals_block(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigprocmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* SIGHUP of a terminal that closes ends nothing: the engine serves all users. */
static void signals_wait(const sigset_t *set) {
    int number = 0;
    do {
        if (sigwait(set, &number) != 0)
            return;
    } while (number == SIGHUP);
    log_info("%s: ending; containers go on", strsignal(number));
}

/* Ending in order is a courtesy to clients: being killed is always safe. So a call that will not
 * end, such as a pull from a registry that has stalled, does not keep the engine. */
static void give_up(int number) {
    _exit(EXIT_SUCCESS);
}

static void end_soon(void) {
    signal(SIGALRM, give_up);
    alarm(END_SECONDS);
}

static int run(const Config *config) {
    Error err = {};
    sigset_t set;
    log_configure("tared", STDERR_FILENO, config->log_format, config->log_level);
    signals_block(&set);
    mallopt(M_ARENA_MAX, 2); /* dozens of threads wait more than they allocate */
    umask(0022); /* what is private says so; directories of missing bind sources are not */
    for (size_t i = 0; i < config->warnings.n; i++)
        log_warning("%s", config->warnings.item[i]);
    autoptr(Engine) engine = NULL;
    if (engine_start(config, &engine, &err) < 0) {
        log_failure(LOG_LEVEL_ERROR, &err);
        return EXIT_FAILURE;
    }
    malloc_trim(0); /* what recovery needed */
    signals_wait(&set);
    end_soon();
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    Arguments arguments = {};
    Error err = {};
    int first = 0;
    const OptionParse parse = {.options = options, .mode = OPTION_ANYWHERE};
    if (option_parse(&parse, argc, argv, &arguments, &first, &err) == 0 && first < argc)
        error_set(&err, ERROR_INVALID, "unknown argument: %s", argv[first]);
    if (err.code) {
        fprintf(stderr, "tared: %s\nRun 'tared --help' for more information\n", err.message);
        return EXIT_FAILURE;
    }
    if (arguments.help || arguments.version) {
        if (arguments.help)
            print_help();
        else
            puts("tared version " TARE_VERSION ", build " TARE_COMMIT);
        return EXIT_SUCCESS;
    }
    const ConfigOptions given = {
        .root = arguments.root,
        .state = arguments.state,
        .config = arguments.config,
        .log_level = arguments.log_level,
        .log_format = arguments.log_format,
        .storage_driver = arguments.storage_driver,
        .hosts = arguments.hosts.item,
        .hosts_n = arguments.hosts.n,
        .debug = arguments.debug,
    };
    autodone(Config) config = {};
    int status = EXIT_FAILURE;
    if (config_load(&given, &config, &err) < 0)
        fprintf(stderr, "tared: %s\n", err.message);
    else
        status = run(&config);
    option_texts_done(&arguments.hosts);
    return status;
}
