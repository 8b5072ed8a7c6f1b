"""The first version of this project, its loop with today's libraries and all their threads.

Each frame is resized to 640x480, SSDLite runs in TensorFlow from its frozen graph, each person goes through
v2 in torch alone, OpenCV draws, libx264 medium encodes; one after the other.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import cv2
import numpy as np

from benchmarks.loops.parts import CONFIDENCE, CRF, MODEL, Film, arguments
from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import load_network, read_info
from fashion_pipeline.fashion.model_lookup import find_model
from fashion_pipeline.fashion.preprocessing import cut_to_input, to_batch
from fashion_pipeline.fashion.weights import find_weights

SIZE_WH = (640, 480)


def main() -> None:
    import tensorflow as tf
    import torch

    film, output = arguments()
    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString(find_weights("ssdlite-tensorflow", "").read_bytes())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    session = tf.compat.v1.Session(graph=graph)
    network, spec = load_network(find_model(MODEL)).eval(), read_info(find_model(MODEL)).input
    capture = cv2.VideoCapture(film)
    writer = Film(output, {"crf": str(CRF), "preset": "medium"}, threads=0)
    while True:
        is_read, frame_bgr = capture.read()
        if not is_read:
            break
        frame_bgr = cv2.resize(frame_bgr, SIZE_WH)
        picture_rgb = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB)
        found = session.run(
            ["detection_boxes:0", "detection_scores:0"], {"image_tensor:0": np.expand_dims(picture_rgb, 0)}
        )
        people = 0
        for (y0, x0, y1, x1), score in zip(found[0][0], found[1][0], strict=True):
            if score < CONFIDENCE:
                continue
            box = [x0 * SIZE_WH[0], y0 * SIZE_WH[1], x1 * SIZE_WH[0], y1 * SIZE_WH[1]]
            crop = cut_to_input(np.asarray(frame_bgr, np.uint8), box, spec)
            if crop is None:
                continue
            with torch.no_grad():
                label = LABELS[int(network(torch.from_numpy(to_batch([crop], spec))).argmax())]
            corner = int(box[0]), int(box[1])
            cv2.rectangle(frame_bgr, corner, (int(box[2]), int(box[3])), (0, 255, 0), 2)
            cv2.putText(frame_bgr, label, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 255, 0), 1)
            people += 1
        writer.write(frame_bgr, people)
    writer.close()


if __name__ == "__main__":
    main()
