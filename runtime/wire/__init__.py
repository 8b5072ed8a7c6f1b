"""Links between processes: how a message looks, and how credit moves packets over ZeroMQ."""
