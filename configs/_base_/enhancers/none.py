# The recognizer alone, without an enhancer.
detection = dict()
segmentation = dict()
classification = dict()
