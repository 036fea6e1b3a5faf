# The recogniser as its package has it.
detection = dict()
segmentation = dict()
