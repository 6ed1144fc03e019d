/* file_load DIRECTORY RATE SECONDS TAG: create, write and close files at a rate; rename every
 * tenth; delete each. Names are TAG-number. Prints how many of each. */
#define _GNU_SOURCE
#include "pacing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **values)
{
	double began = seconds_now();
	long done = 0, renamed = 0, failed = 0;

	if (count != 5)
		return 2;
	while (wait_until_due(began, atof(values[2]), atof(values[3]), done)) {
		char name[512], other[520];
		int file;

		snprintf(name, sizeof(name), "%s/%s-%ld", values[1], values[4], done);
		file = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);
		if (file < 0 || write(file, "hello world", 11) != 11)
			failed++;
		if (file >= 0)
			close(file);
		if (done % 10 == 0) {
			snprintf(other, sizeof(other), "%s.r", name);
			failed += rename(name, other) != 0;
			strcpy(name, other);
			renamed++;
		}
		failed += unlink(name) != 0;
		done++;
	}
	printf("{\"done\": %ld, \"renamed\": %ld, \"failed\": %ld, \"seconds\": %.3f}\n", done, renamed,
	       failed, seconds_now() - began);
	return 0;
}
