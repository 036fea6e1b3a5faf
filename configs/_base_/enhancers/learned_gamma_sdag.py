# The twin of learned_gamma.py, trained under SDAG's guidance.
enhancer = dict(
    enhancer=dict(type='mmsdag.GammaEnhancer', trainable=True),
    enhancer_checkpoint='{{ fileDirname }}/../../../checkpoints/'
    'gamma-sdag_1xb8-200_dark-brackets_seed0.pth')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
