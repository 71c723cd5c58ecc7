"""Windows as bytes: which are written when (``trickle``), and how a start goes on from them (``resume``)."""
