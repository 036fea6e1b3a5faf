# The twin of ruas.py, trained under SDAG's guidance.
enhancer = dict(
    enhancer=dict(type='mmsdag.RUASNet', denoise=False),
    enhancer_checkpoint='{{ fileDirname }}/../../../checkpoints/'
    'ruas-sdag_1xb1-400_brackets_seed0.pth')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
