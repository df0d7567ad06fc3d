"""The ratio of the densities behind two data sets, learnt from the samples."""
