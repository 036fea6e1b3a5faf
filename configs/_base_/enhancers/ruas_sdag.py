# The twin of ruas.py, trained under SDAG's guidance.
enhancer = dict(enhancer='ruas_sdag')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
classification = dict(type='mmsdag.EnhancedClsDataPreprocessor', **enhancer)
