enhancer = dict(
    enhancer=dict(type='mmsdag.RUASNet', denoise=False),
    enhancer_checkpoint='{{ fileDirname }}/../../../checkpoints/'
    'ruas_1xb1-400_brackets_seed0.pth')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
