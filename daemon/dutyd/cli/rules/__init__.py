"""``dutyd rules``: what people who write rules use; one module a command."""
