"""The stages: one file, one class, one process each. A stage imports no other stage.

The folders (`media`, `detectors`, …) hold what stages use; no stage is defined there.
"""

import os

# OpenCV refuses to decode larger pictures; it checks the file's header before it allocates memory. A value
# that the user has set takes precedence.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "200000000")
