/* connect_load PORT RATE SECONDS: listen on 127.0.0.1:PORT in a child and connect to it at a rate.
 * Connections are reset, so that none lingers in TIME_WAIT. Prints how many were made. */
#define _GNU_SOURCE
#include "pacing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void accept_for_ever(int listener)
{
	for (;;) {
		char byte;
		int peer = accept(listener, NULL, NULL);

		if (peer >= 0) {
			if (read(peer, &byte, 1) < 0)
				byte = 0;
			close(peer);
		}
	}
}

int main(int count, char **values)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct linger reset = {1, 0};
	double began;
	long done = 0, failed = 0;
	int listener, yes = 1;
	pid_t server;

	if (count != 4)
		return 2;
	address.sin_port = htons(atoi(values[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 512)) {
		perror("listen");
		return 1;
	}
	server = fork();
	if (!server)
		accept_for_ever(listener);
	began = seconds_now();
	while (wait_until_due(began, atof(values[2]), atof(values[3]), done)) {
		int client = socket(AF_INET, SOCK_STREAM, 0);

		failed += connect(client, (void *)&address, sizeof(address)) != 0;
		setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(client);
		done++;
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	printf("{\"done\": %ld, \"failed\": %ld, \"seconds\": %.3f}\n", done, failed,
	       seconds_now() - began);
	return 0;
}
