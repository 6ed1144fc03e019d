/* A program that ends at once: what exec_load starts. */
int main(void)
{
	return 0;
}
