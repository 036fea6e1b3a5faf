"""Enhancement on the device, before the data preprocessors of others."""
