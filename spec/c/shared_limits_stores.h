/* Hooks each store of the shared windows. */
void stress_stored(void);
#define GP_SHARED_STORED stress_stored
