# The twin of sci.py, trained under SDAG's guidance.
enhancer = dict(
    enhancer=dict(type='mmsdag.SCINet'),
    enhancer_checkpoint='{{ fileDirname }}/../../../checkpoints/'
    'sci-sdag_1xb8-1k_brackets_seed0.pth')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
