enhancer = dict(
    enhancer=dict(type='mmsdag.ZeroDCENet'),
    enhancer_checkpoint='{{ fileDirname }}/../../../checkpoints/'
    'zero-dce_1xb8-1k_brackets_seed0.pth')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
