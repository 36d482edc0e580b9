"""One module a destination. Shippers push records; queue, retry and backoff live in `sensor.pipeline.delivery`."""
