/* Do something at a steady rate: shared by the load generators. */
#pragma once

#include <time.h>

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Returns 1 when action number `done` is due, 0 when `seconds` have passed; sleeps between. */
static int wait_until_due(double began, double rate, double seconds, long done)
{
	for (;;) {
		double elapsed = seconds_now() - began;
		double wait = (done + 1) / rate - elapsed;
		struct timespec pause;

		if (elapsed >= seconds)
			return 0;
		if (done < (long)(elapsed * rate))
			return 1;
		if (wait > 0) {
			pause.tv_sec = (time_t)wait;
			pause.tv_nsec = (long)((wait - (double)pause.tv_sec) * 1e9);
			nanosleep(&pause, NULL);
		}
	}
}
