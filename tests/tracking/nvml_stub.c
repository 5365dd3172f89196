/* A stand-in for libnvidia-ml.so.1, which the real pynvml loads: one busy GPU. Every function that
 * isn't here is one that an old driver doesn't have. */
#include <string.h>

typedef unsigned int uint;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { uint gpu, memory; } utilization;

enum { SUCCESS = 0, INVALID_ARGUMENT = 2 };

static int text(char *into, uint size, const char *said) {
  strncpy(into, said, size);
  return SUCCESS;
}

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlInitWithFlags(uint flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return code == SUCCESS ? "Success" : "Invalid Argument"; }
int nvmlSystemGetDriverVersion(char *into, uint size) { return text(into, size, "580.65.06"); }
int nvmlSystemGetCudaDriverVersion(int *version) { return *version = 13000, SUCCESS; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { return *version = 13000, SUCCESS; }
int nvmlDeviceGetCount_v2(uint *count) { return *count = 1, SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(uint index, void **device) {
  *device = (void *)1;
  return index == 0 ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetName(void *device, char *into, uint size) {
  return text(into, size, "NVIDIA H100 80GB HBM3");
}

int nvmlDeviceGetUUID(void *device, char *into, uint size) {
  return text(into, size, "GPU-00000000-0000-0000-0000-000000000001");
}

int nvmlDeviceGetMemoryInfo(void *device, memory *found) {
  found->total = 1000000000ULL;
  found->used = 250000000ULL;
  found->free = found->total - found->used;
  return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(void *device, utilization *found) {
  found->gpu = 37;
  found->memory = 12;
  return SUCCESS;
}

/* In milliwatts. */
int nvmlDeviceGetPowerUsage(void *device, uint *power) { return *power = 210000, SUCCESS; }
int nvmlDeviceGetEnforcedPowerLimit(void *device, uint *limit) { return *limit = 420000, SUCCESS; }

int nvmlDeviceGetTemperature(void *device, int sensor, uint *celsius) {
  return *celsius = 51, SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, uint *count, void *processes) {
  return *count = 0, SUCCESS;
}
