enhancer = dict(enhancer='gamma')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
classification = dict(type='mmsdag.EnhancedClsDataPreprocessor', **enhancer)
