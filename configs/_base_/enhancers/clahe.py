enhancer = dict(enhancer=dict(type='mmsdag.CLAHEEnhancer'))

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
classification = dict(type='mmsdag.EnhancedClsDataPreprocessor', **enhancer)
