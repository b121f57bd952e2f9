/* Leaves plug-ins loaded until the process ends.
 *
 * Why here: Open MPI unloads its plug-ins when it ends, and then the leak checker can not tell
 * any more that what it finds is theirs (lsan.supp). Linked into sanitized programs only. */
int dlclose(void *handle);

int dlclose(void *handle) {
    (void)handle;
    return 0;
}
