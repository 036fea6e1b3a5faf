# The twin of zero_dce.py, trained under SDAG's guidance.
enhancer = dict(
    enhancer=dict(type='mmsdag.ZeroDCENet'),
    enhancer_checkpoint='{{ fileDirname }}/../../../checkpoints/'
    'zero-dce-sdag_1xb8-1k_brackets_seed0.pth')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
