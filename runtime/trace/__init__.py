"""When a frame was where: events written by every process, put together into a timeline."""
