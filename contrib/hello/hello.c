// SPDX-License-Identifier: Apache-2.0
/* The program of tare/hello, the image that ships inside the build. It has no company in its root
 * directory, so it is linked statically. */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct utsname system;
    if (uname(&system) < 0)
        return 1;
    printf("Hello from inside a container!\n"
           "\n"
           "This is what just happened:\n"
           "  1. tare, the command line, asked tared, the engine, for a container.\n"
           "  2. tared laid a writable layer over the image and gave the container an address.\n"
           "  3. A shim of its own stands beside this container; it holds these lines' other end.\n"
           "  4. tare-runtime made the namespaces and limits, became this program, and is gone.\n"
           "\n"
           "In here the machine is called %s, on Linux %s, and I am process %d.\n",
        system.nodename, system.release, getpid());
    if (argc > 1)
        printf("You told me:");
    for (int i = 1; i < argc; i++)
        printf(" %s", argv[i]);
    printf("%s\nTry a whole system next:  tare run -it debian bash\n", argc > 1 ? "\n" : "");
    return fflush(stdout) == 0 ? 0 : 1;
}
