# The twin of zero_dce_pp.py, trained under SDAG's guidance.
enhancer = dict(enhancer='zero-dce-pp_sdag')

detection = dict(type='mmsdag.EnhancedDetDataPreprocessor', **enhancer)
segmentation = dict(type='mmsdag.EnhancedSegDataPreprocessor', **enhancer)
classification = dict(type='mmsdag.EnhancedClsDataPreprocessor', **enhancer)
