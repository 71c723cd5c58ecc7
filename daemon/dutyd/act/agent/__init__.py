"""One agent run: ``loop`` drives it, ``prompt`` words it, ``client`` asks the endpoint, ``journal`` remembers turns."""
