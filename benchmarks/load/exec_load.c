/* exec_load PROGRAM RATE SECONDS TAG: start PROGRAM at a rate, each with the argument TAG-number.
 * Prints the number started and the seconds of CPU that it and its children used. A few run side by
 * side: one after the other they would use one core only. */
#define _GNU_SOURCE
#include "pacing.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define SIDE_BY_SIDE 8

extern char **environ;

static double cpu_seconds(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **values)
{
	double began = seconds_now();
	long done = 0, failed = 0, running = 0;

	if (count != 5)
		return 2;
	while (wait_until_due(began, atof(values[2]), atof(values[3]), done)) {
		char name[96];
		char *arguments[] = {values[1], name, "--option", "some value", NULL};
		pid_t child;

		snprintf(name, sizeof(name), "%s-%ld", values[4], done);
		if (posix_spawn(&child, values[1], NULL, NULL, arguments, environ))
			failed++;
		else
			running++;
		while (running > 0 && waitpid(-1, NULL, running < SIDE_BY_SIDE ? WNOHANG : 0) > 0)
			running--;
		done++;
	}
	while (running > 0 && waitpid(-1, NULL, 0) > 0)
		running--;
	printf("{\"done\": %ld, \"failed\": %ld, \"seconds\": %.3f, \"cpu\": %.3f}\n", done, failed,
	       seconds_now() - began, cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN));
	return 0;
}
