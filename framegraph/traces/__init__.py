"""When each frame was where: noted by every process, put together when somebody asks."""
