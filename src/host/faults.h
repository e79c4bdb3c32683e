/*
 * An HA driver and a file system with the fault points of os/fault.h around every write. Without WEIR_FAULT
 * they are handed back as they are.
 * @thread wrap: main, once a process. What is wrapped: as it says itself.
 */
#ifndef WEIR_HOST_FAULTS_H
#define WEIR_HOST_FAULTS_H

#include "spi/filesystem.h"
#include "spi/high_availability.h"

const struct weir_ha_driver *weir_faults_ha(const struct weir_ha_driver *driver);
struct weir_filesystem *weir_faults_filesystem(struct weir_filesystem *filesystem);

#endif
